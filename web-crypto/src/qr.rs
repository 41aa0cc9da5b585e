//! A link as a QR code.

use qrcodegen::{QrCode, QrCodeEcc};

/// A code as a drawing, without the quiet zone around it.
#[derive(Debug)]
pub struct Drawing {
    /// The number of modules on a side.
    pub size: i32,
    /// The dark modules as the data of an SVG path: each run of a row is one rectangle.
    pub path: String,
}

/// Draws a text; `None` if it is too long for a code.
#[must_use]
pub fn draw(text: &str) -> Option<Drawing> {
    // A phone in front of a screen needs little error correction. The encoder raises the level where the size allows it.
    let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    let size = code.size();
    let mut path = String::new();
    for y in 0..size {
        let mut x = 0;
        while x < size {
            let start = x;
            while code.get_module(x, y) {
                x += 1; // modules beyond the edge are light
            }
            if x > start {
                path += &format!("M{start} {y}h{}v1H{start}z", x - start);
            }
            x += 1;
        }
    }
    Some(Drawing { size, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The modules that a path covers.
    fn covered(drawing: &Drawing) -> Vec<(i32, i32)> {
        let mut modules = Vec::new();
        for run in drawing.path.split('M').skip(1) {
            let (start, rest) = run.split_once('h').unwrap();
            let (x, y) = start.split_once(' ').unwrap();
            let (x, y): (i32, i32) = (x.parse().unwrap(), y.parse().unwrap());
            let (width, end) = rest.split_once('v').unwrap();
            assert_eq!(end, format!("1H{x}z"));
            modules.extend((0..width.parse().unwrap()).map(|dx| (x + dx, y)));
        }
        modules
    }

    #[test]
    fn the_path_covers_the_dark_modules() {
        let link = "https://chat.example/login?username=&roomname=Book%20club";
        let drawing = draw(link).unwrap();
        let code = QrCode::encode_text(link, QrCodeEcc::Low).unwrap();
        let all = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
        let dark = all.filter(|(x, y)| code.get_module(*x, *y)).collect::<Vec<_>>();
        assert_eq!((drawing.size, covered(&drawing)), (code.size(), dark));
    }

    #[test]
    fn the_longest_name_fits() {
        let longest =
            format!("https://{}.example/login?username=&roomname={}", "a".repeat(63), "%F0%9F%91%8D".repeat(64));
        assert!(draw(&longest).is_some());
        assert!(draw(&"x".repeat(3_000)).is_none());
    }
}
