"""From the text of a recipe to a checked, immutable value: source, model, expressions and schema."""
