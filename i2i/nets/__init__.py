"""Networks as plain ``nn.Module``s; nothing here knows about files, losses or training."""
