"""Trains IP Insights on Amazon SageMaker and asks its endpoint, with boto3 alone."""
import sys
from time import strftime

import boto3

IMAGE = '123456789012.dkr.ecr.eu-central-1.amazonaws.com/ip-insights:latest'
ROLE = 'arn:aws:iam::123456789012:role/SageMakerRole'
BUCKET = 's3://my-bucket/ip-insights'
NAME = strftime('logins-%Y-%m-%d-%H-%M-%S')


def channel(name):
    source = {
        'S3DataType': 'S3Prefix',
        'S3Uri': f'{BUCKET}/{name}/',
        'S3DataDistributionType': 'FullyReplicated',
    }
    return {'ChannelName': name, 'ContentType': 'text/csv', 'DataSource': {'S3DataSource': source}}


TRAINING_JOB = {
    'TrainingJobName': NAME,
    'RoleArn': ROLE,
    'AlgorithmSpecification': {'TrainingImage': IMAGE, 'TrainingInputMode': 'File'},
    'HyperParameters': {
        'num_entity_vectors': '20000',
        'vector_dim': '128',
        'epochs': '5',
        'learning_rate': '0.01',
        'mini_batch_size': '1000',
        'random_negative_sampling_rate': '5',
        'shuffled_negative_sampling_rate': '1',
    },
    'InputDataConfig': [channel('train'), channel('validation')],
    'OutputDataConfig': {'S3OutputPath': f'{BUCKET}/models/'},
    'ResourceConfig': {'InstanceType': 'ml.c5.xlarge', 'InstanceCount': 1, 'VolumeSizeInGB': 30},
    'StoppingCondition': {'MaxRuntimeInSeconds': 3600},
}


def train_and_deploy(sagemaker):
    """From a training job to an endpoint that is in service."""
    sagemaker.create_training_job(**TRAINING_JOB)
    sagemaker.get_waiter('training_job_completed_or_stopped').wait(TrainingJobName=NAME)
    job = sagemaker.describe_training_job(TrainingJobName=NAME)
    container = {'Image': IMAGE, 'ModelDataUrl': job['ModelArtifacts']['S3ModelArtifacts']}
    sagemaker.create_model(ModelName=NAME, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {
        'VariantName': 'AllTraffic',
        'ModelName': NAME,
        'InstanceType': 'ml.m5.large',
        'InitialInstanceCount': 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    sagemaker.get_waiter('endpoint_in_service').wait(EndpointName=NAME)


def ask(runtime, logins):
    """The endpoint's answer to CSV `account,address`: high dot_product = expected."""
    answer = runtime.invoke_endpoint(EndpointName=NAME, ContentType='text/csv', Body=logins)
    return answer['Body'].read().decode()


if __name__ == '__main__':
    train_and_deploy(boto3.client('sagemaker'))
    print(ask(boto3.client('sagemaker-runtime'), sys.argv[1]))
