//! The repository's own files, read as text.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A file, by its path in the repository.
#[expect(clippy::disallowed_methods, reason = "a test may read the repository")]
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every Rust file below these folders.
pub(crate) fn rust_files(folders: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in folders {
        let before = files.len();
        collect(&root().join(folder), &mut files);
        assert!(files.len() > before, "no Rust file in {folder}");
    }
    files.sort();
    files
}

#[expect(clippy::disallowed_methods, reason = "a test may read the repository")]
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let built = ["target", "node_modules", "peers"].iter().any(|name| path.ends_with(name));
        if path.is_dir() && !built {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// What of a file is compiled into the crate: no comments, and no test module, which stands last and is not indented.
#[expect(clippy::disallowed_methods, reason = "a test may read the repository")]
pub(crate) fn code_of(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    let code = text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    code.collect::<Vec<_>>().join("\n")
}

/// Names of what must be compared in constant time.
const SECRETS: [&str; 12] = [
    "state",
    "nonce",
    "secret",
    "client_secret",
    "cookie_secret",
    "verifier",
    "code_verifier",
    "at_hash",
    "access_token",
    "refresh_token",
    "id_token",
    "expose",
];

/// Lines that compare one of [`SECRETS`] by `==` or `!=`; a text in quotes is no name of a value.
pub(crate) fn comparisons_of_secrets(code: &str) -> Vec<String> {
    let compares = |line: &&str| {
        ["==", "!="].iter().flat_map(|operator| line.match_indices(operator)).any(|(at, operator)| {
            let left = line[..at].trim_end().rsplit(|char| !in_path(char)).next().unwrap_or_default();
            let right = line[at + operator.len()..].trim_start().trim_start_matches(['&', '*']);
            let right = right.split(|char| !in_path(char)).next().unwrap_or_default();
            [left, right].iter().any(|path| names_a_secret(path))
        })
    };
    code.lines().filter(compares).map(|line| line.trim().to_owned()).collect()
}

fn in_path(char: char) -> bool {
    char.is_alphanumeric() || "_.()".contains(char)
}

/// The last part of a path is what is compared, unless it is only measured.
fn names_a_secret(path: &str) -> bool {
    let last = path.rsplit('.').map(|part| part.trim_matches(['(', ')'])).find(|part| !part.is_empty());
    last.is_some_and(|last| SECRETS.contains(&last))
}

/// The features of a manifest and what each enables, in order.
pub(crate) fn features(manifest: &str) -> Vec<(String, String)> {
    let pairs = feature_lines(manifest).into_iter().filter_map(|line| {
        let (name, enables) = line.split_once(" = ")?;
        (!line.starts_with('#')).then(|| (name.to_owned(), enables.to_owned()))
    });
    pairs.collect()
}

/// Those that no comment explains; the default set speaks for itself.
pub(crate) fn features_without_comment(manifest: &str) -> Vec<String> {
    let lines = feature_lines(manifest);
    let pairs = lines.windows(2).filter(|pair| !pair[1].starts_with('#') && !pair[0].starts_with('#'));
    pairs.map(|pair| pair[1].clone()).collect()
}

fn feature_lines(manifest: &str) -> Vec<String> {
    let text = read(manifest);
    let section = text.split("\n[features]\n").nth(1).unwrap_or_default().split("\n[").next();
    let lines: Vec<String> =
        section.unwrap_or_default().lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    assert!(lines[0].starts_with("default = "), "{manifest}: {lines:?}");
    lines
}

/// The public methods that change the value that they are called on.
pub(crate) fn public_switches(path: &str) -> Vec<String> {
    let text = read(path);
    let methods = text.split("pub const fn ").skip(1).filter_map(|rest| {
        let (name, arguments) = rest.split_once('(')?;
        arguments.starts_with("mut self").then(|| name.to_owned())
    });
    methods.collect()
}
