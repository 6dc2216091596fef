//! `callake demo`: the embedded API server and an export from it, over real HTTP.

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::api::{self, Client, ClientConfig, Credentials, Endpoint};
use crate::config::{Account, ApiSettings, DEFAULT_MEMORY, ExportSettings, LakeSettings, Secrets};
use crate::demo::server::{self, ServerOptions};
use crate::exit::Exit;
use crate::job::Job;
use crate::report::RunRecord;
use crate::{export, publish, report, spool_folder};

/// Serves the demo's records on loopback, exports all of its days into the lake at `dest`, says how to query it.
pub(crate) async fn run(dest: String, job: &Job) -> anyhow::Result<Exit> {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .context("open a port on loopback")?;
    let host = format!("http://{}", listener.local_addr().context("read the port")?);
    let options = ServerOptions::default();
    let settings = settings(&options, host, dest)?;
    report::note(&format!(
        "serving {} records of {} days on {}, exporting them into {}",
        options.dataset.records, options.dataset.days, settings.api.host, settings.lake.dest
    ));
    let secret = options.access.app_secret.clone();
    let credentials = Credentials::App {
        id: options.access.app_id.clone(),
        secret: secret.into(),
    };
    let server = tokio::spawn(server::serve(listener, options));
    let client = Client::new(ClientConfig {
        progress: job.progress.clone(),
        spool: Some(spool_folder::find(None, &settings.lake.dest)?),
        ..export::client_config(&settings.api, credentials)
    })?;
    let days = api::days(settings.lake.zone, settings.from, settings.to)?;
    let lake = publish::open(&settings.lake, job).await?;
    let mut record = RunRecord::start("export", settings.api.account.as_str());
    let exported = export::export(
        job,
        &settings.api,
        &settings.lake,
        client,
        days,
        &lake,
        &mut record,
    );
    let outcome = job.shown(exported).await;
    server.abort();
    publish::end_run(job, &lake, record, outcome, |record, out| {
        report::export(record, out)?;
        report::how_to_query(&settings.lake.dest, out)
    })
    .await
}

fn settings(options: &ServerOptions, host: String, dest: String) -> anyhow::Result<ExportSettings> {
    let first = options.dataset.first_day;
    let days = chrono::Days::new(u64::from(options.dataset.days.saturating_sub(1)));
    Ok(ExportSettings {
        api: ApiSettings {
            host,
            account: Account::parse(&options.access.account).map_err(anyhow::Error::msg)?,
            stream: options.access.stream.clone(),
            endpoint: Endpoint::V2,
            timezone_offset: 0,
            rate: 60,
            secrets: Secrets::default(),
            spool: None,
        },
        from: first,
        to: first.checked_add_days(days).unwrap_or(first),
        refresh: true,
        lake: LakeSettings {
            dest,
            zone: chrono_tz::UTC,
            memory: DEFAULT_MEMORY,
            single_writer: false,
            force_network_fs: false,
            endpoint_url: None,
            verify: true,
            strict: false,
        },
    })
}
