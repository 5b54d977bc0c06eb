"""Is a program right, and which programs do the same?"""
