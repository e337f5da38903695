//! MP4 among the files of the ISO base media format (ISO/IEC 14496-12).
//!
//! They begin with a box that says which brands the file is of: `ftyp`, or `styp` where it is a
//! segment of a stream. There are hundreds of brands, and new ones each year: what is told apart
//! here are those whose files are something else.

/// Brands of pictures, of sound alone, and of QuickTime, as the first one that a file names.
const OTHERS: [&[u8; 4]; 21] = [
    b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2",
    b"msf1", b"jp2 ", b"jpx ", b"jpm ", b"crx ", b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B ",
    b"qt  ",
];

/// Whether `data` begins as an MP4 does.
pub(crate) fn is_mp4(data: &[u8]) -> bool {
    let Some(([a, b, c, d], rest)) = data.split_first_chunk() else { return false };
    let Some((kind, rest)) = rest.split_first_chunk::<4>() else { return false };
    let Some((brand, _)) = rest.split_first_chunk::<4>() else { return false };
    let length = u32::from_be_bytes([*a, *b, *c, *d]);
    // Length, kind, brand and version, then four bytes for each other brand.
    let is_box = length >= 16 && length.is_multiple_of(4) && matches!(kind, b"ftyp" | b"styp");
    is_box && brand.iter().all(u8::is_ascii) && !OTHERS.contains(&brand)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn films_and_segments_of_any_brand_are_told_from_pictures_and_sound() {
        for start in [
            b"\0\0\0\x18ftypisom\0\0\0\0".as_slice(),
            b"\0\0\0\x1cftypM4V \0\0\0\x01M4V mp42isom",
            b"\0\0\0\x18stypmsdh\0\0\0\0msdhmsix",
            b"\0\0\0\x14ftypcmfc\0\0\0\0iso9",
        ] {
            assert!(is_mp4(start), "{start:?}");
        }
        for other in [
            b"\0\0\0\x18ftypheic\0\0\0\0".as_slice(),
            b"\0\0\0\x1cftypM4A \0\0\0\0",
            b"\0\0\0\x14ftypqt  \0\0\0\0",
            b"\0\0\0\x18moovisom",
            b"\0\0\0\x03ftypisom",
            b"\0\0\0\x18ftyp",
        ] {
            assert!(!is_mp4(other), "{other:?}");
        }
    }
}
