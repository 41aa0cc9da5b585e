use web_crypto::{content::Content, padding::pad};

/// Each content has exactly one encoding. The headers and pieces of pictures are contents too.
pub fn check(bytes: &[u8]) {
    round_trip(bytes);
    // Mutations rarely keep the padding intact.
    let mut padded = bytes.to_vec();
    pad(&mut padded);
    round_trip(&padded);
}

fn round_trip(padded: &[u8]) {
    if let Ok((counter, content)) = Content::from_padded(padded) {
        assert_eq!(*content.to_padded(counter), padded);
    }
}
