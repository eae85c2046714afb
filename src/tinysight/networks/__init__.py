"""The network of ``spec.layers`` built in other people's frameworks; one file is the door to each of them."""
