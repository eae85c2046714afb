"""A folder of labelled pictures becomes a model: a head in seconds, all layers in minutes."""
