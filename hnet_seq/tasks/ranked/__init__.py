"""One command on several ranks: units of the input in a shared folder, and one output from them."""
