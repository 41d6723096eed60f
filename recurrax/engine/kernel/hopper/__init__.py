"""The two loops over time as kernels for NVIDIA's Hopper GPUs."""
