"""Tasks on sequences whose answers depend on the distant past; one file per task, its chance level with it."""
