//! Every fixture is there for a test, and so is each behaviour of `misbehave`.

use std::{fs, path::Path};

/// The sources of all behaviour tests.
fn tests() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["pipeline", "clients", "cli", "spin"].map(|folder| root.join(folder));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

#[test]
fn every_fixture_is_used() {
    let (tests, root) = (tests(), Path::new(env!("CARGO_MANIFEST_DIR")));
    let mut fixtures = 0;
    let folders = [("", "fixtures"), ("evil-", "fixtures/evil")].into_iter();
    let entries = folders.flat_map(|(prefix, folder)| {
        fs::read_dir(root.join(folder)).unwrap().map(move |entry| (prefix, entry.unwrap()))
    });
    for (prefix, entry) in entries {
        let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
        if entry.path().is_dir() && !["evil", "evil-kit"].contains(&name.as_str()) {
            // The one of every pipeline that misbehaves is named by its helper.
            let used = name == "misbehave" || tests.contains(&format!("\"{name}\""));
            assert!(used, "no test uses the fixture {name}");
            fixtures += 1;
        }
    }
    assert!(fixtures >= 30, "{fixtures}");
}

#[test]
fn every_behaviour_is_ordered() {
    let tests = tests();
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, table) = readme.split_once("| behaviour |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut behaviours = 0;
    for row in rows {
        let names = row.split('|').nth(1).unwrap();
        for name in names.split('`').skip(1).step_by(2) {
            assert!(tests.contains(&format!("\"{name}\"")), "no test orders `{name}`");
            behaviours += 1;
        }
    }
    assert!(behaviours > 20, "{behaviours}");
}
