//! The text of a file, and of the files of a directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::problem::{ConfigError, Place, Problem};

/// A longer file is not one that somebody wrote.
const LONGEST: u64 = 64 << 20;

/// A file as it was written.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: Arc<str>,
    pub(crate) text: String,
}

/// Reads a file, or every configuration file of a directory in the order of their names. One that cannot be
/// read does not hide the others.
pub(crate) fn read_all(path: &Path) -> Result<Vec<Result<Source, ConfigError>>, ConfigError> {
    let at = |error: io::Error| unreadable(path, &error);
    if !fs::metadata(path).map_err(at)?.is_dir() {
        return Ok(vec![read(path)]);
    }
    let paths = files(path).map_err(at)?;
    if paths.is_empty() {
        return Err(at(io::Error::other("there is no .yaml, .yml or .json file in it")));
    }
    Ok(paths.iter().map(|path| read(path)).collect())
}

/// Hidden files are left out: editors and Kubernetes keep their own things there.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let named =
            path.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end == *known));
        if named && !hidden && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<Source, ConfigError> {
    let name: Arc<str> = path.display().to_string().into();
    let at = |error: &io::Error| unreadable(path, error);
    if fs::metadata(path).map_err(|error| at(&error))?.len() > LONGEST {
        return Err(at(&io::Error::other("it is longer than 64 MiB")));
    }
    let bytes = fs::read(path).map_err(|error| at(&error))?;
    String::from_utf8(bytes).map(|text| Source { name: Arc::clone(&name), text }).map_err(|error| {
        let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        let line = valid.matches('\n').count() as u64 + 1;
        let column = valid.rsplit('\n').next().map_or(0, |last| last.chars().count()) as u64 + 1;
        let message = "this byte is not UTF-8".to_owned();
        ConfigError(vec![Problem { file: name, place: Place { line, column }, message }])
    })
}

fn unreadable(path: &Path, error: &io::Error) -> ConfigError {
    let (file, message) = (path.display().to_string().into(), format!("cannot be read: {error}"));
    ConfigError(vec![Problem { file, place: Place::START, message }])
}
