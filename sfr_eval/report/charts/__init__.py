"""Charts: what they show (`chart`), drawn by matplotlib and by the script of the page."""
