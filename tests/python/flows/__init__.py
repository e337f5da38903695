"""What existing clients do, one function a flow; each is named by a test beside `main.rs`."""
