"""Attribution: why a forecast moved, and what would move it.

What comes in: a stored fit, vintages, and scenarios as they are written. What goes out: news in lines that add up, scenarios beside the forecast, the
watch list, and what the page's panel needs. What may be changed: which questions are asked of the simulated futures; how these come about stands in the
rooms below.
"""
