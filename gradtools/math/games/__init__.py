"""Games: what each player of a set function is worth, how it splits, and how well one ranking agrees with another."""
