"""What is shown of a flight: the live display, the verdict in words, the figures and the page."""
