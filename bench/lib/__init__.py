"""What the measuring scripts share: processes and what they use, private surroundings, machine facts, plots, the report."""
