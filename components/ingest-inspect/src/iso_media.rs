//! MP4 among the files of the ISO base media format (ISO/IEC 14496-12).
//!
//! They begin with a box that says which brands the file is of: `ftyp`, or `styp` where it is a
//! segment of a stream. There are hundreds of brands, and new ones each year: what is told apart
//! here are those whose files are something else.

/// Brands of pictures, of sound alone, and of QuickTime, as the first one that a file names.
const OTHERS: [&[u8; 4]; 30] = [
    b"avif", b"avis", b"avci", b"avcs", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx",
    b"heif", b"mif1", b"mif2", b"msf1", b"vvic", b"vvis", b"jpeg", b"jpgs", b"j2ki", b"j2is",
    b"jp2 ", b"jpx ", b"jpm ", b"crx ", b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B ", b"qt  ",
];

/// Boxes that files and pieces of streams begin with, beside those that name brands.
const FIRST: [&[u8; 4]; 11] = [
    b"moov", b"moof", b"mdat", b"sidx", b"emsg", b"prft", b"free", b"skip", b"wide", b"pdin",
    b"uuid",
];

/// Whether `data` begins as an MP4 does that says so.
pub(crate) fn is_mp4(data: &[u8]) -> bool {
    brand(data).is_some_and(|brand| !OTHERS.contains(&brand))
}

/// Whether `data` may be an MP4, or a piece of one.
pub(crate) fn may_be_mp4(data: &[u8]) -> bool {
    let begins = || data.get(4..8).is_some_and(|kind| FIRST.iter().any(|first| kind == *first));
    brand(data).is_some() || begins()
}

/// The first brand that a file names, if its first box names brands.
fn brand(data: &[u8]) -> Option<&[u8; 4]> {
    let ([a, b, c, d], rest) = data.split_first_chunk()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let (brand, _) = rest.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes([*a, *b, *c, *d]);
    // Length, kind, brand and version, then four bytes for each other brand.
    let is_box = length >= 16 && length.is_multiple_of(4) && matches!(kind, b"ftyp" | b"styp");
    (is_box && brand.is_ascii()).then_some(brand)
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
        for piece in [b"\0\0\x01\x10moof\0\0\0\x10mfhd".as_slice(), b"\0\0\0\x2csidx"] {
            assert!(may_be_mp4(piece) && !is_mp4(piece), "{piece:?}");
        }
    }
}
