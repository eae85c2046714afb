"""From a picture in any form to the network's input: recipe, decode, prepare."""
