"""The models of `ablate` in PyTorch: built from the tables that `ablate show` prints, in this project's own words."""
