//! What was typed → settings, field by field.

use super::{
    ApiArgs, CleanArgs, ConnectionArgs, ConversationsArgs, ConvertArgs, DoctorArgs, EndpointName, ExportArgs,
    FormatName, LakeArgs, LocationArgs, PlanArgs, ReportArgs, RestoreArgs, SnapshotArgs, StatusArgs,
    SyncArgs, VerifyArgs, ViewsName,
};
use crate::api::Endpoint;
use crate::config::{
    ApiSettings, CleanSettings, ConversationsSettings, ConvertSettings, DEFAULT_MEMORY, DoctorSettings,
    ExportSettings, LakeLocation, LakeSettings, PlanSettings, ReportSettings, RestoreSettings, Secrets,
    Selection, SnapshotSettings, StatusSettings, SyncSettings, VerifySettings,
};
use crate::schema::{render::Format, views::Dialect};

impl From<ViewsName> for Dialect {
    fn from(name: ViewsName) -> Dialect {
        match name {
            ViewsName::DuckDb => Dialect::DuckDb,
            ViewsName::Spark => Dialect::Spark,
        }
    }
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Format {
        match name {
            FormatName::Arrow => Format::Arrow,
            FormatName::JsonSchema => Format::JsonSchema,
            FormatName::DuckDb => Format::DuckDb,
            FormatName::Spark => Format::Spark,
            FormatName::Markdown => Format::Markdown,
        }
    }
}

impl From<EndpointName> for Endpoint {
    fn from(name: EndpointName) -> Endpoint {
        match name {
            EndpointName::V1 => Endpoint::V1,
            EndpointName::V2 => Endpoint::V2,
            EndpointName::InteractionDetails => Endpoint::InteractionDetails,
        }
    }
}

impl From<LakeArgs> for LakeSettings {
    fn from(args: LakeArgs) -> LakeSettings {
        let LakeArgs {
            dest,
            zone,
            memory,
            single_writer,
            force_network_fs,
            endpoint_url,
            verify,
            strict,
        } = args;
        LakeSettings {
            dest,
            zone,
            memory,
            single_writer,
            force_network_fs,
            endpoint_url,
            verify,
            strict,
        }
    }
}

impl From<ConvertArgs> for ConvertSettings {
    fn from(args: ConvertArgs) -> ConvertSettings {
        let ConvertArgs {
            inputs,
            account,
            endpoint,
            timezone_offset,
            table,
            keep_going,
            rejects,
            lake,
        } = args;
        ConvertSettings {
            inputs,
            table,
            account,
            endpoint: endpoint.map(|name| Endpoint::from(name).name().to_string()),
            timezone_offset,
            keep_going,
            rejects,
            lake: lake.into(),
        }
    }
}

impl ConnectionArgs {
    /// The settings of an endpoint that is asked over this connection.
    fn with(self, endpoint: Endpoint, timezone_offset: i32) -> ApiSettings {
        let ConnectionArgs {
            host,
            account,
            stream,
            rate,
            token_file,
            token_env,
            app_id_env,
            app_secret_env,
            spool,
        } = self;
        ApiSettings {
            host,
            account,
            stream,
            endpoint,
            timezone_offset,
            rate,
            secrets: Secrets {
                token_file,
                token_env,
                app_id_env,
                app_secret_env,
            },
            spool,
        }
    }
}

impl From<ApiArgs> for ApiSettings {
    fn from(args: ApiArgs) -> ApiSettings {
        let ApiArgs {
            connection,
            endpoint,
            timezone_offset,
        } = args;
        connection.with(endpoint.into(), timezone_offset)
    }
}

impl From<ExportArgs> for ExportSettings {
    fn from(
        ExportArgs {
            api,
            from,
            to,
            refresh,
            lake,
        }: ExportArgs,
    ) -> ExportSettings {
        ExportSettings {
            api: api.into(),
            from,
            to,
            refresh,
            lake: lake.into(),
        }
    }
}

impl From<PlanArgs> for PlanSettings {
    fn from(
        PlanArgs {
            export,
            records_per_day,
            probe,
            json,
        }: PlanArgs,
    ) -> PlanSettings {
        PlanSettings {
            export: export.into(),
            records_per_day,
            probe,
            json,
        }
    }
}

impl From<SyncArgs> for SyncSettings {
    fn from(
        SyncArgs {
            api,
            from,
            lookback,
            lake,
        }: SyncArgs,
    ) -> SyncSettings {
        SyncSettings {
            api: api.into(),
            from,
            lookback,
            lake: lake.into(),
        }
    }
}

impl From<ConversationsArgs> for ConversationsSettings {
    fn from(args: ConversationsArgs) -> ConversationsSettings {
        let ConversationsArgs {
            connection,
            from,
            to,
            conditions,
            limit,
            lake,
        } = args;
        ConversationsSettings {
            // Times of conversations carry their zone.
            api: connection.with(Endpoint::Conversations, 0),
            selection: Selection {
                from,
                to,
                conditions,
                limit,
            },
            lake: lake.into(),
        }
    }
}

impl From<LocationArgs> for LakeLocation {
    fn from(LocationArgs { lake, endpoint_url }: LocationArgs) -> LakeLocation {
        LakeLocation { lake, endpoint_url }
    }
}

impl From<VerifyArgs> for VerifySettings {
    fn from(VerifyArgs { location, deep, json }: VerifyArgs) -> VerifySettings {
        VerifySettings {
            location: location.into(),
            deep,
            json,
        }
    }
}

impl From<CleanArgs> for CleanSettings {
    fn from(args: CleanArgs) -> CleanSettings {
        let CleanArgs {
            location,
            dry_run,
            json,
        } = args;
        CleanSettings {
            location: location.into(),
            dry_run,
            json,
        }
    }
}

impl From<StatusArgs> for StatusSettings {
    fn from(StatusArgs { location, json }: StatusArgs) -> StatusSettings {
        StatusSettings {
            location: location.into(),
            json,
        }
    }
}

impl From<SnapshotArgs> for SnapshotSettings {
    fn from(args: SnapshotArgs) -> SnapshotSettings {
        let SnapshotArgs {
            location,
            target,
            json,
            single_writer,
            force_network_fs,
            name,
            from,
            to,
        } = args;
        SnapshotSettings {
            location: location.into(),
            target,
            json,
            single_writer,
            force_network_fs,
            name,
            from,
            to,
        }
    }
}

impl From<RestoreArgs> for RestoreSettings {
    fn from(args: RestoreArgs) -> RestoreSettings {
        let RestoreArgs {
            location,
            table,
            from,
            to,
            output,
        } = args;
        RestoreSettings {
            location: location.into(),
            table,
            from,
            to,
            output,
        }
    }
}

impl From<DoctorArgs> for DoctorSettings {
    fn from(args: DoctorArgs) -> DoctorSettings {
        let DoctorArgs {
            location: LocationArgs { lake, endpoint_url },
            api,
            zone,
            force_network_fs,
            day,
            json,
        } = args;
        DoctorSettings {
            api: api.into(),
            day,
            lake: LakeSettings {
                dest: lake,
                zone,
                memory: DEFAULT_MEMORY,
                single_writer: false,
                force_network_fs,
                endpoint_url,
                verify: false,
                strict: false,
            },
            json,
        }
    }
}

impl From<ReportArgs> for ReportSettings {
    fn from(args: ReportArgs) -> ReportSettings {
        let ReportArgs {
            location,
            from,
            to,
            output,
        } = args;
        ReportSettings {
            location: location.into(),
            from,
            to,
            output,
        }
    }
}
