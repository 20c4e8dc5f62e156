"""The Moon as textbooks know it, in pure functions: time, ephemerides, orientation, gravity, terrain, light."""
