"""Mission files become models: degrees become radians here, and nowhere else."""
