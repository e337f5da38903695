//! The synthetic camera: the test card as JPEG pictures, and sensor batches beside them.

use super::{
    card,
    object::{Class, Object, Payload},
    progress, sensors,
};
use anyhow::{Context as _, Result};
use jpeg_encoder::{ColorType, Encoder};
use std::time::Duration;

/// Of 100; what cameras use.
const QUALITY: u8 = 85;

/// Records so many seconds: thirty frames and a sensor batch each, in the order of their time.
pub(crate) fn record(seconds: u32) -> Result<Vec<Object>> {
    let mut objects = Vec::new();
    let bar = progress::bar("camera: rendering", u64::from(seconds * card::RATE));
    for second in 0..seconds {
        for frame in second * card::RATE..(second + 1) * card::RATE {
            objects.push(picture(frame)?);
            bar.inc(1);
        }
        objects.push(measurements(second));
    }
    bar.finish_and_clear();
    eprintln!(
        "camera: {} frames of {} × {} as JPEG; sensors: {seconds} × {} rows as CSV",
        seconds * card::RATE,
        card::WIDTH,
        card::HEIGHT,
        sensors::ROWS
    );
    Ok(objects)
}

fn picture(frame: u32) -> Result<Object> {
    Ok(Object {
        key: format!("cam-1/frame-{frame:05}.jpg"),
        key_by_run: true,
        source: "",
        class: Class::FRAMES,
        at: card::time(frame),
        content_type: "image/jpeg",
        metadata: format!(
            r#"{{"camera":"cam-1","frame":{frame},"at_ms":{}}}"#,
            card::time(frame).as_millis()
        ),
        payload: Payload::Made(jpeg(&card::render(frame))?.into()),
    })
}

fn measurements(second: u32) -> Object {
    Object {
        key: format!("press-1/second-{second:03}.csv"),
        key_by_run: true,
        source: "",
        class: Class::SENSORS,
        // When its last value is known.
        at: Duration::from_secs(u64::from(second) + 1),
        content_type: "text/csv",
        metadata: format!(r#"{{"machine":"press-1","at_ms":{}}}"#, u64::from(second) * 1000),
        payload: Payload::Made(sensors::batch(second).into()),
    }
}

fn jpeg(pixels: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, QUALITY)
        .encode(pixels, card::WIDTH, card::HEIGHT, ColorType::Rgb)
        .context("encode a frame")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_real_picture_of_the_test_card() {
        let card = card::render(40);
        let bytes = jpeg(&card).unwrap();
        let mut decoder = jpeg_decoder::Decoder::new(bytes.as_slice());
        let pixels = decoder.decode().unwrap();
        let info = decoder.info().unwrap();
        assert_eq!((info.width, info.height), (card::WIDTH, card::HEIGHT));
        let error: u64 = pixels.iter().zip(&card).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        let mean = error / pixels.len() as u64;
        assert!(mean < 6, "the picture is {mean} levels off on average");
    }

    #[test]
    fn a_second_is_thirty_frames_and_a_batch_with_keys_of_their_own() {
        let objects = record(2).unwrap();
        let keys: std::collections::HashSet<_> = objects.iter().map(|o| &o.key).collect();
        assert_eq!((objects.len(), keys.len()), (62, 62));
        assert_eq!(objects[30].class, Class::SENSORS);
    }
}
