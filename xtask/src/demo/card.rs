//! The moving test card: colour bars, a grey ramp, a box that bounces, the time and the frame.
//!
//! It has no noise, so that a frame is the same on every machine.

use super::glyphs;
use std::time::Duration;

/// Width of a frame in pixels.
pub(crate) const WIDTH: u16 = 640;
/// Height of a frame in pixels.
pub(crate) const HEIGHT: u16 = 360;
/// Frames a second.
pub(crate) const RATE: u32 = 30;

const W: usize = WIDTH as usize;
const H: usize = HEIGHT as usize;

type Colour = [u8; 3];

/// The bars of a television test card, at three quarters of full brightness.
const BARS: [Colour; 7] = [
    [191, 191, 191],
    [191, 191, 0],
    [0, 191, 191],
    [0, 191, 0],
    [191, 0, 191],
    [191, 0, 0],
    [0, 0, 191],
];
/// Where the bars end and the ramp begins, and where the ramp ends and the text begins.
const RAMP_TOP: usize = 220;
const RAMP_BOTTOM: usize = 280;
const BOX_SIZE: usize = 64;
/// Pixels that the box moves in a frame.
const BOX_SPEED: [usize; 2] = [7, 4];
/// Pixels of the frame per pixel of a glyph.
const TEXT_SCALE: usize = 7;
const TEXT_TOP: usize = 300;
const BLACK: Colour = [16, 16, 16];
const WHITE: Colour = [235, 235, 235];

/// A frame of the card, three bytes a pixel, row by row.
pub(crate) fn render(frame: u32) -> Vec<u8> {
    let mut card = background();
    let number = usize::try_from(frame).unwrap_or_default();
    let [dx, dy] = BOX_SPEED;
    let left = bounce(number * dx, W - BOX_SIZE);
    let top = bounce(number * dy, RAMP_TOP - BOX_SIZE);
    fill(&mut card, left, top, BOX_SIZE, BOX_SIZE, BLACK);
    fill(&mut card, left + 4, top + 4, BOX_SIZE - 8, BOX_SIZE - 8, WHITE);
    write(&mut card, &caption(frame));
    card
}

/// The frame's time from the first one.
pub(crate) fn time(frame: u32) -> Duration {
    Duration::from_secs(1) * frame / RATE
}

/// What is written on the frame: its time and its number.
fn caption(frame: u32) -> String {
    let millis = time(frame).as_millis();
    let (minutes, seconds) = (millis / 60_000, millis / 1000 % 60);
    format!("{minutes:02}:{seconds:02}.{:03}  {frame:05}", millis % 1000)
}

fn background() -> Vec<u8> {
    let bars: Vec<u8> =
        (0..W).flat_map(|x| BARS.get(x * BARS.len() / W).copied().unwrap_or(BLACK)).collect();
    let ramp: Vec<u8> =
        (0..W).flat_map(|x| [u8::try_from(x * 256 / W).unwrap_or(u8::MAX); 3]).collect();
    let black = BLACK.repeat(W);
    (0..H)
        .flat_map(|y| match y {
            0..RAMP_TOP => &bars,
            RAMP_TOP..RAMP_BOTTOM => &ramp,
            _ => &black,
        })
        .copied()
        .collect()
}

/// A position that goes to `most` and back, for ever.
fn bounce(way: usize, most: usize) -> usize {
    let way = way % (2 * most);
    if way <= most { way } else { 2 * most - way }
}

/// Fills a rectangle; what lies outside the card is cut off.
fn fill(card: &mut [u8], left: usize, top: usize, width: usize, height: usize, colour: Colour) {
    for row in card.chunks_exact_mut(3 * W).skip(top).take(height) {
        for pixel in row.chunks_exact_mut(3).skip(left).take(width) {
            pixel.copy_from_slice(&colour);
        }
    }
}

fn write(card: &mut [u8], text: &str) {
    // A column between the characters.
    let advance = (glyphs::WIDTH + 1) * TEXT_SCALE;
    let left = W.saturating_sub(text.chars().count() * advance) / 2;
    for (place, character) in text.chars().enumerate() {
        for (y, row) in glyphs::rows(character).into_iter().enumerate() {
            for x in (0..glyphs::WIDTH).filter(|x| row & (0b100 >> x) != 0) {
                let (x, y) = (left + place * advance + x * TEXT_SCALE, TEXT_TOP + y * TEXT_SCALE);
                fill(card, x, y, TEXT_SCALE, TEXT_SCALE, WHITE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_frame_is_always_the_same_and_no_two_are_alike() {
        assert_eq!(render(7), render(7));
        let frames: HashSet<_> = (0..40).map(render).collect();
        assert_eq!(frames.len(), 40);
        assert!(frames.iter().all(|frame| frame.len() == 3 * W * H));
    }

    #[test]
    fn the_box_stays_on_the_card() {
        assert!((0..5000).all(|way| bounce(way, 100) <= 100));
        assert_eq!([bounce(99, 100), bounce(100, 100), bounce(101, 100)], [99, 100, 99]);
    }

    #[test]
    fn the_caption_is_the_time_and_the_frame() {
        assert_eq!(caption(31), "00:01.033  00031");
        assert_eq!(caption(1800), "01:00.000  01800");
    }
}
