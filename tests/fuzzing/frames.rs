use wire::{ClientFrame, ServerFrame};

/// Each frame has exactly one encoding.
pub fn check(bytes: &[u8]) {
    if let Ok(frame) = ClientFrame::parse(bytes) {
        assert_eq!(frame.to_bytes(), bytes);
    }
    if let Ok(frame) = ServerFrame::parse(bytes) {
        assert_eq!(frame.to_bytes(), bytes);
    }
}
