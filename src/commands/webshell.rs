//! `axt webshell`: a shell in a pod of SAE, or a command with its status.

use super::common::context::Context;
use super::common::exec::Exec;
use super::common::plan::{self, Plan, is_terminal};
use super::common::session::about::About;
use super::common::session::attach::Attach;
use super::common::session::recorder::Recorder;
use super::common::session::stdio;
use super::common::session::{Started, unless_zero};
use super::common::stops::{Stops, conclude};
use crate::cli::{Global, WebshellArgs};
use crate::exit::Exit;
use crate::openapi::endpoint::Product;
use crate::openapi::sae::{GetWebshellToken, WebshellToken};
use crate::protocol::channel::Channel as _;
use crate::protocol::filter::{Filter, Plain};
use crate::protocol::webshell::{Webshell, WebshellOptions};
use crate::pump::now;
use crate::remote::END_OF_FILE;
use crate::terminal::{self, Size};
use crate::ui::Ui;
use crate::wire::SessionUrl;
use secrecy::ExposeSecret as _;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The origin from which the service expects web shells to be opened (`devsapp/saectl`).
const ORIGIN: &str = "https://sae.console.aliyun.com";

/// The usual interval of pings.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Runs `axt webshell`.
pub(crate) async fn run(global: &Global, args: WebshellArgs, ui: &Ui) -> anyhow::Result<Exit> {
    let context = Context::from_args(global, &args.connection, ui)?;
    let client = context.client(Product::Sae)?;
    let limit = args.connection.connect_timeout;
    let mut stops = Stops::listen(args.run.timeout)?;
    let request = request(&args);
    let asking = request.call(&client, limit);
    if args.print_url {
        return print_url(&stops.run(asking).await?, ui);
    }
    let plan = Plan::of(&args.run)?;
    plan::tell(&args.run, ui);
    let exec = plan.program.as_ref().map(Exec::new).transpose()?;
    let recorder = Recorder::prepare(&args.record, global, plan.terminal, &args.pod, ui)?;
    let opening = async {
        let token = asking.await?;
        let target = SessionUrl::webshell(&token.web_socket_url, ORIGIN)?;
        let started = Started::given(target);
        let link = started.dial(&context.network, limit).await?;
        Ok((started, link))
    };
    let (started, link) = stops.run(opening).await?;
    let recorded = recorder.map(|mut recorder| recorder.begin(None));
    let attach = Attach {
        ui,
        stdin: &mut stdio::stdin()?,
        run: &args.run,
        terminal: plan.terminal,
        network: context.network.clone(),
        started,
        resume: false,
        connect_timeout: limit,
        answered: CancellationToken::new(),
        about: About::new(&args.pod, None),
        recorded: recorded.transpose()?,
    };
    let mut channel = Webshell::new(&options(&args), now());
    let filter: Box<dyn Filter + Send> = match exec {
        Some(exec) => {
            channel.write(now(), &exec.typed_line());
            Box::new(exec)
        }
        None => Box::new(Plain {
            end_of_file: END_OF_FILE,
        }),
    };
    let outcome = attach.run(Box::new(channel), link, filter, stops).await;
    let exit = conclude(outcome?)?;
    if let Some(hint) = plan.hint(exit) {
        ui.hint(hint);
    }
    Ok(exit)
}

fn request(args: &WebshellArgs) -> GetWebshellToken {
    let size = Size::current().filter(|_| is_terminal(&args.run));
    GetWebshellToken {
        app_id: args.app_id.clone(),
        pod_name: args.pod.clone(),
        container_name: args.container.clone(),
        lines: size.map(|size| size.rows),
        columns: size.map(|size| size.cols),
    }
}

fn options(args: &WebshellArgs) -> WebshellOptions {
    WebshellOptions {
        keepalive: unless_zero(args.connection.keepalive.unwrap_or(KEEPALIVE)),
        dead_after: unless_zero(args.connection.dead_after),
        rate_limit: args.connection.rate_limit,
    }
}

fn print_url(token: &WebshellToken, ui: &Ui) -> anyhow::Result<Exit> {
    let Some(url) = &token.http_url else {
        anyhow::bail!(tr!(
            "the service gave no web page for this shell; without --print-url axt opens the shell"
        ));
    };
    if terminal::stdout_is_terminal() {
        ui.say(tr!(
            "anyone with this address has the shell: keep it secret"
        ));
    }
    ui.data(&format!("{}\n", url.expose_secret()))?;
    Ok(Exit::Ok)
}
