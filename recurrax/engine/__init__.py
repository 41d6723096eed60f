"""How a recurrence is executed: one file per executor, all of one meaning, which `run` states once."""
