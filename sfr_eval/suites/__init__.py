"""What is asked: suites, the synthetic benchmark, coding problems."""
