"""What the kernels ask of a Hopper GPU and of Mosaic, JAX's language for it: the only folder that touches unstable API.

`tiles` computes with tiles in registers, `blocks` lets blocks of threads wait for each other and copy, and launches
them, `assembly` has what both write in the GPU's own instructions.

Lowered with jax 0.11.2 and 0.12.0; the parts as they stand in a prototype ran on an H100 with 0.11.2. jax 0.10.2 infers
no layout for the tiles below. `Hopper` lowers a kernel before it promises to run it, so that another version that
refuses something leads to another executor and not to an error.

Terms. A *warp group* is 128 threads, which together issue `wgmma`: a tile of 64 rows of weights times the transposed
operand. Its result lies in registers, thread by thread as the hardware wants it. *Shared memory* belongs to a block of
threads, here one warp group on a multiprocessor of its own; the blocks of a *cluster* may write to each other's. An
*mbarrier* is a word of shared memory that counts arrivals and bytes of copies under way; a wait ends when both are
complete, and names the phase, even or odd, that it waits for. A *proxy fence* makes what threads wrote visible to
`wgmma` and to the copy engine, which read shared memory by another way than threads do.
"""
