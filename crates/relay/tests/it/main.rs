//! The relay between raw sockets: the test is the client and the upstream, and scripts every byte of both.

mod connecting;
mod crowd;
mod ends;
mod fidelity;
mod framing;
mod keep_alive;
mod limits;
mod rig;
mod shutdown;
mod splits;
