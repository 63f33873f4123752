"""What a language model of DNA knows without being taught a task, beside what knows it too."""
