import { itIsAStorage } from '../../storage/storage-suite.js';
import { openStorage } from '../../support/open-storage.js';
import { DIRECTORY, useSimulatedSite } from './site.js';

describe('DiskStorage on a simulated disk', () => {
  const site = useSimulatedSite();

  itIsAStorage(() => openStorage(DIRECTORY, { fsync: true, files: site().files }));
});
