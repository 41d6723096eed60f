"""Figures and numbers of papers, made again; each with what the paper says beside what comes out."""
