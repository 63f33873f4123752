"""Files and folders: written whole, compressed, remote."""
