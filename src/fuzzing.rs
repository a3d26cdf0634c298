//! The parts of private modules that fuzz targets drive.

use crate::cli::file_problems;
use crate::commands::{replaced_on_line, socks_request, unpacked_as};
use crate::config::credentials::Credentials;
use crate::config::settings::{Flags, Settings};
use crate::copy::{
    FileType, Listing, Look, RemoteSource, Root, failures, misplaced, names as copied_names,
};
use crate::names::cache::NameCache;
use crate::names::meaning::{Meaning, target_of_name};
use crate::names::target::Target;
use crate::openapi::client::Action;
use crate::openapi::client::reply::HttpReply;
use crate::openapi::ecs::{StartTerminalSession, instances};
use futures_util::FutureExt as _;
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The AccessKey secret with which [`api_reply`] reads.
pub const SECRET: &str = "hush-hush-hush-hush";

/// The host that a request names, or none for the instance itself, and the port.
pub type HostPort = (Option<String>, u16);

/// Reads these bytes as a client's request to `-D`: its remote address or the reason for a refusal, and the
/// answer.
pub fn socks(bytes: &[u8]) -> (Result<HostPort, String>, Vec<u8>) {
    let talk = async {
        // Both answers fit: the choice of a method has 2 bytes, the refusal 10.
        let (mut client, mut server) = tokio::io::duplex(bytes.len().max(12));
        let sent = client.write_all(bytes).await.and(client.shutdown().await);
        sent.expect("there is room for all of it");
        let asked = socks_request(&mut server).await;
        let asked = asked.map(|request| (request.remote.host, request.remote.port));
        drop(server);
        let mut answered = Vec::new();
        let read = client.read_to_end(&mut answered).await;
        read.expect("the other end is closed");
        (asked, answered)
    };
    talk.now_or_never().expect("nothing is waited for")
}

/// Reads an answer to StartTerminalSession; returns the error's text if it is no session.
pub fn api_reply(status: u16, body: &[u8]) -> Result<(), String> {
    let reply = HttpReply {
        action: StartTerminalSession::NAME,
        status,
        body,
    };
    let read = reply.read::<<StartTerminalSession as Action>::Reply>(&keys(), "POST&signed");
    read.map(drop).map_err(|error| error.to_string())
}

/// Reads the settings and credentials of a home directory; returns the error's text.
pub fn configuration(home: &Path) -> Result<(), String> {
    let home = home.to_string_lossy();
    let env = |name: &str| (name == "HOME").then(|| home.to_string());
    let settings = Settings::resolve(&Flags::default(), &env).map_err(|error| error.to_string())?;
    let source = settings.credential_source(&env);
    source.map(drop).map_err(|error| error.to_string())
}

/// Reads an answer with this body: the ids of its instances, or the error's text.
pub fn instances(body: &[u8]) -> [Result<Vec<String>, String>; 2] {
    instances::told(body, &keys()).map(|told| {
        let told = told.map_err(|error| error.to_string())?;
        Ok(told.into_iter().map(|instance| instance.id).collect())
    })
}

/// Reads a file of names that holds this: each target with its id. `folder` is for the file.
pub fn names(folder: &Path, content: &[u8]) -> Vec<(String, Option<String>)> {
    let cache = NameCache::new(Some(folder), "", "");
    cache.fill(content).expect("it can be written");
    cache.put([("last".to_owned(), "i-last".to_owned())]);
    let known = cache.all().into_iter();
    known.map(|known| (known.target, known.id)).collect()
}

/// Reads a target: its description, and the name that it may be.
pub fn target(text: &str) -> (Result<(), String>, Option<String>) {
    let meant = Meaning::of(&Target::parse(text));
    let meant = meant.map(drop).map_err(|error| error.to_string());
    (meant, target_of_name(text))
}

/// The fault in axt's own configuration file if it holds this.
#[must_use]
pub fn own_file(text: &str) -> Vec<String> {
    file_problems(text)
}

/// The last word of a line of bash's, and what is put in its place if it is to become `value`.
#[must_use]
pub fn line(text: &str, breaks: &str, more: &str) -> (String, Option<String>) {
    replaced_on_line(text, breaks, more)
}

/// The entries of a tree of the instance's if `tree.sh` says this: paths, each with whether it is a
/// directory.
#[must_use]
pub fn tree(said: &[u8]) -> Vec<(Vec<u8>, bool)> {
    let entries = Listing::parse(said)
        .into_iter()
        .flat_map(|tree| tree.entries);
    let told = entries.map(|entry| (entry.path, entry.state.kind == FileType::Directory));
    told.collect()
}

/// Reads this as what the other texts of a copy may say. Returns how many of `count` names are told of.
#[must_use]
pub fn copy_answers(said: &[u8], count: usize) -> Option<usize> {
    let _ = (
        Look::parse(said),
        RemoteSource::parse(said),
        Root::parse(said),
    );
    let _ = (failures(said), misplaced(said));
    copied_names(said, count).map(|names| names.len())
}

/// Takes what was asked for of an archive of the instance's: files of these names with this content, into
/// `folder`. Returns the names of those that came.
#[must_use]
pub fn unpacked(folder: &Path, archive: &[u8], names: &[&str], content: &[u8]) -> Vec<Vec<u8>> {
    unpacked_as(folder, archive, names, content)
}

fn keys() -> Credentials {
    Credentials {
        access_key_id: "LTAI-fuzz-fuzz-fuzz".into(),
        access_key_secret: SECRET.into(),
        security_token: None,
        expires: None,
        source: String::new(),
    }
}
