"""The chunk explorer: what is read, the page that shows it, and the server behind the page."""
