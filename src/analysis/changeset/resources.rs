//! Knows which resource types hold data, and which control access.

/// Types whose data is lost with the resource.
const STATEFUL: &[&str] = &[
    "AWS::AmazonMQ::Broker",
    "AWS::Backup::BackupVault",
    "AWS::Cassandra::Keyspace",
    "AWS::Cassandra::Table",
    "AWS::CloudFormation::Stack",
    "AWS::CodeCommit::Repository",
    "AWS::Cognito::IdentityPool",
    "AWS::Cognito::UserPool",
    "AWS::DAX::Cluster",
    "AWS::DSQL::Cluster",
    "AWS::DocDB::DBCluster",
    "AWS::DocDB::DBInstance",
    "AWS::DocDBElastic::Cluster",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::EC2::Volume",
    "AWS::ECR::PublicRepository",
    "AWS::ECR::Repository",
    "AWS::EFS::FileSystem",
    "AWS::ElastiCache::CacheCluster",
    "AWS::ElastiCache::GlobalReplicationGroup",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::ElastiCache::ServerlessCache",
    "AWS::Elasticsearch::Domain",
    "AWS::FSx::FileSystem",
    "AWS::FSx::Volume",
    "AWS::KMS::Key",
    "AWS::KMS::ReplicaKey",
    "AWS::Kinesis::Stream",
    "AWS::Lightsail::Database",
    "AWS::Lightsail::Disk",
    "AWS::Logs::LogGroup",
    "AWS::MSK::Cluster",
    "AWS::MSK::ServerlessCluster",
    "AWS::MemoryDB::Cluster",
    "AWS::Neptune::DBCluster",
    "AWS::Neptune::DBInstance",
    "AWS::NeptuneGraph::Graph",
    "AWS::OpenSearchServerless::Collection",
    "AWS::OpenSearchService::Domain",
    "AWS::QLDB::Ledger",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::RDS::GlobalCluster",
    "AWS::Redshift::Cluster",
    "AWS::RedshiftServerless::Namespace",
    "AWS::Route53::HostedZone",
    "AWS::S3::Bucket",
    "AWS::S3Express::DirectoryBucket",
    "AWS::S3Tables::Table",
    "AWS::S3Tables::TableBucket",
    "AWS::S3Vectors::VectorBucket",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
    "AWS::Timestream::Database",
    "AWS::Timestream::InfluxDBInstance",
    "AWS::Timestream::Table",
];

/// Tells whether a resource type holds data.
pub(super) fn is_stateful(resource_type: &str) -> bool {
    STATEFUL.contains(&resource_type)
}

/// Says why every change of this type needs a human, as the end of a sentence that begins with the change.
pub(super) fn guarded(resource_type: &str) -> Option<&'static str> {
    Some(match resource_type {
        kind if kind.starts_with("AWS::IAM::") => "it controls permissions",
        kind if kind.starts_with("AWS::KMS::") => "it controls who can decrypt data",
        kind if kind.starts_with("Custom::") => "it runs code that CloudFormation cannot inspect",
        "AWS::CloudFormation::CustomResource" | "AWS::CloudFormation::Macro" => {
            "it runs code that CloudFormation cannot inspect"
        }
        "AWS::S3::BucketPolicy" => "it controls access to the bucket",
        "AWS::Lambda::Permission" | "AWS::Lambda::LayerVersionPermission" => "it controls who may invoke the function",
        "AWS::Lambda::Url" => "it controls who may invoke the function from the internet",
        "AWS::EC2::SecurityGroup" | "AWS::EC2::SecurityGroupIngress" | "AWS::EC2::SecurityGroupEgress" => {
            "it controls network access"
        }
        "AWS::RDS::DBSecurityGroup" | "AWS::RDS::DBSecurityGroupIngress" | "AWS::ElastiCache::SecurityGroupIngress" => {
            "it controls network access"
        }
        kind if kind.starts_with("AWS::EC2::NetworkAcl") => "it controls network access",
        "AWS::EC2::EIP" | "AWS::EC2::InternetGateway" | "AWS::EC2::VPCGatewayAttachment" | "AWS::EC2::Route" => {
            "it controls exposure to the internet"
        }
        kind if kind.starts_with("AWS::") && (kind.ends_with("Policy") || kind.ends_with("Permission")) => {
            "it controls access to the resource"
        }
        _ => return None,
    })
}
