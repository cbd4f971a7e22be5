//! Memory that goes back to the system once it is free; a matter of the GNU C library.

/// Buffers from this size on are mapped one by one, in bytes.
const MAPPED_BYTES: libc::c_int = 128 << 10;

/// Lets large buffers go back to the system when they are freed. The library begins like that, but raises the size
/// from which on it does with each one that is freed, up to 32 MiB; then every thread that ever moved a file keeps the
/// room of its largest buffers for good.
pub(super) fn give_back_large_buffers() {
    // SAFETY: mallopt takes two numbers, may be called at any time, and changes only how later allocations are made.
    if unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES) } == 0 {
        tracing::debug!("the size from which on buffers are mapped could not be set");
    }
}
