"""The expression language of recipes: text in, one Python function out. It knows plain data and nothing else."""
