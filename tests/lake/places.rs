//! The places that a lake can be in, started and read back without any code of callake.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::front::{Front, Manners};
use super::rows::DAY;

/// A number that no other call gets.
pub(crate) fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// An empty lake.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) lake: String,
    pub(crate) endpoint: Option<String>,
    folder: tempfile::TempDir,
    /// Address at which objects are read back.
    direct: Option<String>,
    /// Stopped when the place is dropped.
    _server: Option<Server>,
    _front: Option<Front>,
}

#[derive(Debug)]
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Place {
    /// A folder.
    pub(crate) fn folder() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let lake = folder.path().join("lake").display().to_string();
        std::fs::create_dir(folder.path().join("scratch")).unwrap();
        Place {
            name: "folder".into(),
            lake,
            endpoint: None,
            folder,
            direct: None,
            _server: None,
            _front: None,
        }
    }

    /// A bucket of a moto server; `None`, with a message, where moto is not installed.
    pub(crate) fn moto() -> Option<Place> {
        let (server, address) = start_moto()?;
        Some(Place::bucket("moto", server, address, None))
    }

    /// The same behind a front with those manners.
    pub(crate) fn moto_behind(manners: Manners) -> Option<Place> {
        let (server, address) = start_moto()?;
        let front = Front::start(address, manners.clone());
        Some(Place::bucket(
            &format!("moto, {manners:?}"),
            server,
            address,
            Some(front),
        ))
    }

    fn bucket(name: &str, server: Server, address: SocketAddr, front: Option<Front>) -> Place {
        let direct = format!("http://{address}/lakes");
        http(reqwest::Method::PUT, &direct).expect("create the bucket");
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("scratch")).unwrap();
        let endpoint = front.as_ref().map_or(address, Front::address);
        Place {
            name: name.to_string(),
            lake: "s3://lakes/some/prefix".into(),
            endpoint: Some(format!("http://{endpoint}")),
            folder,
            direct: Some(format!("{direct}/some/prefix")),
            _server: Some(server),
            _front: front,
        }
    }

    /// A folder for temporary files.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.folder.path().join("scratch")
    }

    /// The front's address keeps its tally of what it did to requests.
    pub(crate) fn front(&self) -> &Front {
        self._front.as_ref().unwrap()
    }

    /// Path of the day's file within the lake.
    pub(crate) fn day_path() -> String {
        format!("call_details/session_date={DAY}/acc.parquet")
    }

    /// The bytes of the day's file.
    pub(crate) fn read(&self) -> Option<Bytes> {
        match &self.direct {
            None => std::fs::read(Path::new(&self.lake).join(Place::day_path()))
                .ok()
                .map(Bytes::from),
            Some(direct) => http(reqwest::Method::GET, &format!("{direct}/{}", Place::day_path())).ok(),
        }
    }

    /// Removes the day's file.
    pub(crate) fn clear(&self) {
        match &self.direct {
            None => std::fs::remove_file(Path::new(&self.lake).join(Place::day_path())).unwrap(),
            Some(direct) => {
                http(
                    reqwest::Method::DELETE,
                    &format!("{direct}/{}", Place::day_path()),
                )
                .map(drop)
                .unwrap();
            }
        }
    }

    /// The paths of all files that a glob for `**/*.parquet` finds.
    pub(crate) fn glob(&self) -> Vec<String> {
        let names: Vec<String> = match &self.direct {
            None => glob::glob(&format!("{}/**/*.parquet", self.lake))
                .unwrap()
                .map(|path| path.unwrap().display().to_string())
                .collect(),
            Some(direct) => {
                let bucket = direct.strip_suffix("/some/prefix").unwrap();
                let listing = http(reqwest::Method::GET, &format!("{bucket}?list-type=2")).unwrap();
                let listing = String::from_utf8(listing.to_vec()).unwrap();
                let keys = listing
                    .split("<Key>")
                    .skip(1)
                    .map(|rest| rest.split("</Key>").next().unwrap());
                keys.filter(|key| key.ends_with(".parquet"))
                    .map(str::to_string)
                    .collect()
            }
        };
        names
    }
}

/// One request, outside of any runtime.
fn http(method: reqwest::Method, url: &str) -> Result<Bytes, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        // Moto gives private objects to anybody who signs, with whatever signature.
        let signed = "AWS4-HMAC-SHA256 Credential=test/20250930/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        let response = client
            .request(method, url)
            .header("authorization", signed)
            .send()
            .await
            .map_err(|error| error.to_string())?;
        let response = response.error_for_status().map_err(|error| error.to_string())?;
        response.bytes().await.map_err(|error| error.to_string())
    })
}

/// The Python that the tests use, if it has the module; says so where it has not.
pub(crate) fn python_with(module: &str) -> Option<String> {
    let python = std::env::var("CALLAKE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_string());
    let found = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    eprintln!("skipped: {python} has no {module}; install tests/requirements.txt or set CALLAKE_TEST_PYTHON");
    None
}

fn start_moto() -> Option<(Server, SocketAddr)> {
    let python = python_with("moto.server")?;
    // The port is free now; nobody else in the test run asks for it by number.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let program = "from moto.server import main; main()";
    let child = Command::new(&python)
        .args([
            "-c",
            program,
            "-H",
            "127.0.0.1",
            "-p",
            &address.port().to_string(),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(child);
    let started = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "moto does not answer"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    Some((server, address))
}
