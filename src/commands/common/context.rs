//! Everything that a command needs to reach the service: settings, network, credentials.

use super::remembered::gateways::Gateways;
use crate::cli::{ConnectionArgs, Global};
use crate::config::credentials::{Credentials, CredentialsProvider};
use crate::config::env::{cache_dir, process_env, state_dir};
use crate::config::settings::{ConnectionType, Flags, Settings, Signature, Source, Sourced};
use crate::config::source::{CredentialSource, Sts};
use crate::error::{Error, Result};
use crate::names::cache::digest;
use crate::net::Network;
use crate::openapi::client::Client;
use crate::openapi::endpoint::{self, Product};
use crate::providers::{self, Clock, Provider, Reread, World};
use crate::share::StartsFile;
use crate::ui::Ui;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Looks an environment variable up.
pub(crate) type EnvLookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Tells the user something, at once.
pub(crate) type Say = Box<dyn Fn(&str) + Send + Sync>;

/// The way to the service that flags, environment and profile describe.
pub(crate) struct Context {
    /// The options that the settings were resolved from.
    flags: Flags,
    /// The settings, each with its source.
    pub(crate) settings: Settings,
    /// Proxies, trust and timeouts.
    pub(crate) network: Network,
    /// The time limit for one request.
    limit: Duration,
    /// The directory of cached role credentials.
    kept_credentials: Option<PathBuf>,
    /// The cache directory: its files save time and can be lost.
    pub(crate) cache: Option<PathBuf>,
    /// The gateways of earlier sessions.
    pub(crate) gateways: Gateways,
    say: Say,
    env: EnvLookup,
    signature: Signature,
    provider: Arc<OnceLock<Arc<dyn CredentialsProvider>>>,
    /// The log has the way to the service, once.
    told: OnceLock<()>,
    /// Runs until the context is dropped.
    #[cfg(feature = "emulator")]
    _emulator: Option<crate::emulator::Emulator>,
}

impl Context {
    /// The way that the arguments ask for: the configured one, or an emulator in this process.
    pub(crate) fn from_args(global: &Global, args: &ConnectionArgs, ui: &Ui) -> Result<Self> {
        #[cfg(feature = "emulator")]
        if args.emulator {
            return Self::emulated(global, args.connect_timeout);
        }
        let ui = ui.clone();
        let context = Self::new(global, args.connect_timeout)?;
        Ok(context.saying(Box::new(move |fact| ui.say(fact))))
    }

    /// Reads the settings, without using the network.
    pub(crate) fn new(global: &Global, connect_timeout: Duration) -> Result<Self> {
        Self::with_env(global, connect_timeout, Arc::new(process_env))
    }

    /// Reads the settings and credentials from these variables in place of the process's own.
    pub(crate) fn with_env(
        global: &Global,
        connect_timeout: Duration,
        env: EnvLookup,
    ) -> Result<Self> {
        let cache = cache_dir(&process_env).filter(|_| !global.no_cache);
        let flags = flags(global);
        Ok(Self {
            settings: Settings::resolve(&flags, &*env)?,
            flags,
            network: Network::from_env(connect_timeout),
            limit: connect_timeout,
            signature: global.signature.unwrap_or_default(),
            gateways: Gateways::new(cache.as_deref()),
            cache,
            kept_credentials: state_dir(&process_env)
                .filter(|_| !global.no_cache)
                .map(|state| state.join("credentials")),
            say: Box::new(|fact| tracing::info!("{fact}")),
            env,
            provider: Arc::default(),
            told: OnceLock::new(),
            #[cfg(feature = "emulator")]
            _emulator: None,
        })
    }

    /// The same, with another way to tell the user what a session waits for.
    #[must_use]
    pub(crate) fn saying(self, say: Say) -> Self {
        Self { say, ..self }
    }

    /// The same with the credentials of another context with the same settings: their source is asked once.
    #[must_use]
    pub(crate) fn with_credentials_of(self, other: &Self) -> Self {
        let provider = Arc::clone(&other.provider);
        Self { provider, ..self }
    }

    /// The printer.
    pub(crate) fn say(&self, fact: &str) {
        (self.say)(fact);
    }

    /// Starts an emulator in this process. Of the configuration only the region counts.
    #[cfg(feature = "emulator")]
    pub(crate) fn emulated(global: &Global, connect_timeout: Duration) -> Result<Self> {
        use crate::emulator::{Emulator, Options};
        let emulator = Emulator::on_loopback(Options::default())?;
        let mut exports = emulator.exports();
        exports.push(("ALIBABA_CLOUD_IGNORE_PROFILE", "TRUE".into()));
        let flags = Flags {
            endpoint: Some(Sourced {
                value: emulator.api_url(),
                source: Source::Flag("--emulator"),
            }),
            region: flags(global).region,
            ..Flags::default()
        };
        let env = move |name: &str| {
            let export = exports.iter().find(|(key, _)| *key == name);
            export.map(|(_, value)| value.clone())
        };
        Ok(Self {
            settings: Settings::resolve(&flags, &env)?,
            flags,
            network: Network::from_env(connect_timeout),
            limit: connect_timeout,
            signature: global.signature.unwrap_or_default(),
            cache: None,
            gateways: Gateways::new(None),
            kept_credentials: None,
            say: Box::new(|fact| tracing::info!("{fact}")),
            env: Arc::new(env),
            provider: Arc::default(),
            told: OnceLock::new(),
            _emulator: Some(emulator),
        })
    }

    /// A client of one product's API in the chosen region.
    ///
    /// # Errors
    /// [`Error::NoRegion`], and the errors of the endpoint, the credentials and TLS.
    pub(crate) fn client(&self, product: Product) -> Result<Client> {
        self.client_at(product, None)
    }

    /// A client of one product's API, with an endpoint of its own if one is given.
    pub(crate) fn client_at(&self, product: Product, endpoint: Option<&str>) -> Result<Client> {
        self.client_of(product, endpoint, &self.region()?)
    }

    /// A client of one product's API in this region.
    pub(crate) fn client_in(&self, product: Product, region: &str) -> Result<Client> {
        self.client_of(product, None, region)
    }

    fn client_of(&self, product: Product, endpoint: Option<&str>, region: &str) -> Result<Client> {
        let settings = &self.settings;
        let general = settings.endpoint.as_ref().map(|url| url.value.as_str());
        let given = endpoint.or(general);
        let base = match product {
            Product::Sts => providers::sts_endpoint(&self.world(), &self.credential_source()?)?,
            _ => endpoint::base(product, region, settings.connection_type.value, given)?,
        };
        let client = Client::new(self.network.clone(), base, region, self.credentials()?)?;
        self.told.get_or_init(|| self.tell(&client));
        Ok(client.with_signature(self.signature))
    }

    /// Writes into the log which way leads to the service, and on whose behalf.
    fn tell(&self, client: &Client) {
        let settings = &self.settings;
        let region = settings.region.as_ref();
        let region = region.filter(|region| region.value == client.region());
        let source = region.map(|region| format!(" (from {})", region.source));
        let source = source.unwrap_or_default();
        tracing::info!("region {}{source}", client.region());
        if let Ok(source) = settings.credential_source(&*self.env) {
            tracing::info!("credentials: {}", source.name);
        }
        if let Ok(route) = self.network.describe(client.endpoint()) {
            tracing::info!("API: {route}");
        }
    }

    /// The region.
    ///
    /// # Errors
    /// [`Error::NoRegion`] if there is none; with the credentials, if these are missing too.
    pub(crate) fn region(&self) -> Result<String> {
        let region = self.settings.region().map(str::to_owned);
        region.map_err(|_| self.without_region())
    }

    /// Changes the region to the target's.
    pub(crate) fn enter(&mut self, region: &str) {
        self.settings.region = Some(Sourced {
            value: region.to_owned(),
            source: Source::Flag("TARGET"),
        });
    }

    /// A text that tells the account from others without a call, for digests only.
    pub(crate) fn account(&self) -> Result<String> {
        let who = self.settings.credential_source(&*self.env)?.account();
        let endpoint = self.settings.endpoint.as_ref();
        let endpoint = endpoint.map_or("", |endpoint| endpoint.value.as_str());
        Ok(format!("{who} {endpoint}"))
    }

    /// The file in which all processes of the user note the sessions that they start for this account in a
    /// region.
    pub(crate) fn starts_file(&self, region: &str) -> Result<Option<StartsFile>> {
        let name = digest(&self.account()?, region);
        let path = self
            .cache
            .as_ref()
            .map(|cache| cache.join("starts").join(name));
        Ok(path.map(StartsFile::new))
    }

    /// The provider of the credentials; the same one for the whole run.
    pub(crate) fn credentials(&self) -> Result<Arc<dyn CredentialsProvider>> {
        if let Some(provider) = self.provider.get() {
            return Ok(Arc::clone(provider));
        }
        let source = self.settings.credential_source(&*self.env)?;
        let provider = Arc::new(Provider::new(self.world(), source, self.reread()));
        Ok(Arc::clone(self.provider.get_or_init(|| provider)))
    }

    /// Reads the source of the credentials again, as the settings found it.
    fn reread(&self) -> Reread {
        let (flags, env) = (self.flags.clone(), Arc::clone(&self.env));
        Box::new(move || Settings::resolve(&flags, &*env)?.credential_source(&*env))
    }

    /// The source of the credentials.
    pub(crate) fn credential_source(&self) -> Result<CredentialSource> {
        self.settings.credential_source(&*self.env)
    }

    /// Begins with these credentials, which another process has obtained from the same source.
    #[cfg(unix)]
    pub(crate) fn hold(&self, credentials: Credentials) -> Result<()> {
        let source = self.credential_source()?;
        let provider = Provider::holding(self.world(), source, self.reread(), credentials);
        self.provider.get_or_init(|| Arc::new(provider));
        Ok(())
    }

    /// The error for a missing region, which also says whether the credentials are missing.
    fn without_region(&self) -> Error {
        let (problem, remedy) = match self.settings.credential_source(&*self.env) {
            Err(Error::Credentials { problem, remedy }) => (problem, remedy),
            Ok(source) if source.is_a_guess() => (source.name, source.remedy),
            _ => return Error::NoRegion,
        };
        Error::NoRegionNorCredentials { problem, remedy }
    }

    /// The network, the clock and the places that credential providers use.
    fn world(&self) -> World {
        let settings = &self.settings;
        let endpoint = settings.endpoint.as_ref();
        let endpoint = endpoint.and_then(|url| endpoint::parse(&url.value).ok());
        World {
            network: self.network.clone(),
            loopback: endpoint.filter(endpoint::is_loopback),
            region: settings.region().ok().map(Into::into),
            vpc: settings.connection_type.value == ConnectionType::Intranet,
            sts: Sts::from_env(&*self.env),
            limit: self.limit,
            signature: self.signature,
            cache: self.kept_credentials.clone(),
            clock: Clock::system(),
        }
    }
}

/// The global options that were given, each with its source.
fn flags(global: &Global) -> Flags {
    fn given<T: Clone>(
        global: &Global,
        flag: &'static str,
        value: Option<&T>,
    ) -> Option<Sourced<T>> {
        let id = flag.trim_start_matches("--").replace('-', "_");
        let source = global.sources.get(&id).cloned();
        let source = source.unwrap_or(Source::Flag(flag));
        let value = value.cloned()?;
        Some(Sourced { value, source })
    }
    Flags {
        profile: given(global, "--profile", global.profile.as_ref()),
        region: given(global, "--region", global.region.as_ref()),
        endpoint: given(global, "--endpoint", global.endpoint.as_ref()),
        connection_type: given(global, "--connection-type", global.connection_type.as_ref()),
        config_file: given(global, "--config-file", global.config_file.as_ref()),
    }
}
