"""The training job and the endpoint of after.py on this machine: the same requests, and no AWS.

    python3 local.py ml user_1,198.51.100.7    # CSV in ml/input/data/train and ml/input/data/validation

`ml` stands for /opt/ml. How to do the same with Docker: docs/container.md.
"""
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3

import after

ENTRY = ['node', 'node_modules/ip-insights/dist/container/main.js']


def lay_out(ml, job):
    """Writes for a training job what SageMaker writes for it."""
    channels = {
        channel['ChannelName']: {
            'ContentType': channel['ContentType'],
            'TrainingInputMode': job['AlgorithmSpecification']['TrainingInputMode'],
            'S3DistributionType': channel['DataSource']['S3DataSource']['S3DataDistributionType'],
            'RecordWrapperType': 'None',
        }
        for channel in job['InputDataConfig']
    }
    config = Path(ml, 'input/config')
    config.mkdir(parents=True, exist_ok=True)
    (config / 'hyperparameters.json').write_text(json.dumps(job['HyperParameters']))
    (config / 'inputdataconfig.json').write_text(json.dumps(channels))


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as probe:
        return probe.getsockname()[1]


def wait_until_it_listens(server, port):
    while True:
        try:
            return socket.create_connection(('127.0.0.1', port)).close()
        except ConnectionRefusedError:
            if server.poll() is not None:
                sys.exit(f'serve ended with {server.returncode}')
            time.sleep(0.05)


def main(ml, logins):
    environment = {**os.environ, 'IP_INSIGHTS_OPT_ML': ml, 'IP_INSIGHTS_HOST': '127.0.0.1'}
    lay_out(ml, after.TRAINING_JOB)
    # Its metric lines are those of AWS; here they go to the errors, as the answer is what is asked for.
    subprocess.run([*ENTRY, 'train'], env=environment, stdout=sys.stderr, check=True)

    port = free_port()
    environment['SAGEMAKER_BIND_TO_PORT'] = str(port)
    with subprocess.Popen([*ENTRY, 'serve'], env=environment) as server:
        try:
            wait_until_it_listens(server, port)
            # Requests are signed, but nobody looks at it: keep such a server among those who may ask it.
            here = f'http://127.0.0.1:{port}'
            secrets = {'aws_access_key_id': 'any', 'aws_secret_access_key': 'any'}
            runtime = boto3.client('sagemaker-runtime', endpoint_url=here, region_name='local', **secrets)
            print(after.ask(runtime, logins))
        finally:
            server.terminate()


if __name__ == '__main__':
    main(*sys.argv[1:])
