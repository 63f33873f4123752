"""scikit-learn's estimators over H-Net: the functions of the package behind scikit-learn's face."""
