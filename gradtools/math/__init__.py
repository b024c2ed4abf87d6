"""Pure functions on arrays: numpy, scipy and scikit-learn; no HDF5, no click, no torch."""
