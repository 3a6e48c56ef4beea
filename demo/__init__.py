"""The browser page: draw, and several photos answer."""
