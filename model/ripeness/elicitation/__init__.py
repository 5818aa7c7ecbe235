"""Priors: what the essay, published findings and other wars say, as quantiles in natural units with their sources.

`entries` reads and checks the files, `cited` their sources, `strength` and `readings` the weights of effects, `reference` the outside view;
`elicit` fits the distributions and is the only module here that reaches PreliZ.
"""
