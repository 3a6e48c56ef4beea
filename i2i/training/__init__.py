"""The one training loop that every method runs in, its run folder, and what a resume needs."""
