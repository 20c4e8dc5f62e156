"""A step of one lander as a program in C that flies many side by side, one in each lane of the processor's vectors."""
