"""Shards as a pipeline of the webdataset package, for people who bring their own loop."""
