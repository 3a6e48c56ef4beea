"""Methods: a config, the nets, and one training step each. `training.loop` runs any of them."""
